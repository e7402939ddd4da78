import type { Statement } from '#db/pool';

export const readDeployment: Statement = {
  text: "SELECT bursar.now() AS now, simulated, clock_offset <> '0' AS moved FROM bursar.deployment",
};

export const advance = (seconds: number): Statement => ({
  text: 'SELECT bursar.advance_clock(make_interval(secs => $1::double precision)) AS now',
  values: [seconds],
});

export const setSimulated = (simulated: boolean): Statement => ({
  text: 'UPDATE bursar.deployment SET simulated = $1 WHERE simulated <> $1',
  values: [simulated],
});
