/** Leaves for the processor's payment page. Anything but a web address is not followed. */
export function openPaymentPage(url: string): void {
  const target = new URL(url, window.location.href);
  if (target.protocol === 'https:' || target.protocol === 'http:') {
    window.location.assign(target.href);
  }
}
