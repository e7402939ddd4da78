import { Copyable } from '../../ui/copy.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Notice } from '../../ui/notice.tsx';

/** A secret that was just made. `before` tells what becomes of the one it replaces. */
export function SecretOnce(props: { secret: string; before?: string; onClose: () => void }) {
  return (
    <Dialog key="once" title="The signing secret" onClose={props.onClose} locked>
      <Notice tone="warning" title="This secret is shown only now">
        <p>Keep it on your server. With it you check that an event is from us and unchanged.</p>
      </Notice>
      <Copyable label="Signing secret" text={props.secret} />
      {props.before !== undefined && <p className="hint">{props.before}</p>}
      <div className="dialog-foot">
        <button type="button" className="button button-primary" onClick={props.onClose}>
          I have saved the secret
        </button>
      </div>
    </Dialog>
  );
}
