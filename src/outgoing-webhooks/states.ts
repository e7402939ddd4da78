/** Whether events are sent to an endpoint, and if not, why. Persisted: never renamed. */
export const ENDPOINT_STATES = ['enabled', 'paused', 'failing', 'gone'] as const;
export type EndpointState = (typeof ENDPOINT_STATES)[number];

/** What happens to an endpoint: from where, to where. What is not listed is refused. */
export const ENDPOINT_MOVES = {
  pause: { from: ['enabled'], to: 'paused' },
  enable: { from: ['paused', 'failing', 'gone'], to: 'enabled' },
  /** It took nothing for three days. */
  fail: { from: ['enabled'], to: 'failing' },
  /** It answered 410. */
  go: { from: ['enabled'], to: 'gone' },
} as const satisfies Record<
  string,
  { readonly from: readonly EndpointState[]; readonly to: EndpointState }
>;

export type EndpointMove = keyof typeof ENDPOINT_MOVES;

export type DeliveryState = 'waiting' | 'delivered' | 'given_up';

/** How an attempt can end, and what its log says. Persisted: never renamed. */
export const RESULTS = {
  delivered: 'Delivered',
  /** An answer, but not 2xx; a redirect is one of these. */
  refused: 'Answered, but not with success',
  gone: 'Answered that it is gone for good',
  timed_out: 'No answer in time',
  unreachable: 'Could not be connected to',
  tls_failed: 'No secure connection could be made',
  broke_off: 'The connection broke off',
  /** Not told apart from a name that does not exist: that would tell of names in our network. */
  no_public_address: 'The name leads to no public address',
  target_refused: 'The URL may no longer be sent to',
  secret_unreadable: 'The signing secret cannot be read: rotate it',
  /** The process ended between sending and noting. It is sent again, so it may arrive twice. */
  unknown: 'Unknown; it may have arrived',
} as const;

export type AttemptResult = keyof typeof RESULTS;

/** Statuses by which a receiver says that it took the event, and that it wants no more. */
export function resultOf(status: number): 'delivered' | 'gone' | 'refused' {
  if (status >= 200 && status < 300) return 'delivered';
  return status === 410 ? 'gone' : 'refused';
}
