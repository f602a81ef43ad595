/** How the element looks: light and dark, from a phone to a wall. */

export const STYLE = `
:host {
  display: block;
  color: light-dark(#1c2024, #e8eaed);
  font: 0.875rem/1.4 system-ui, sans-serif;
  color-scheme: light dark;
}
:host([hidden]), [hidden] { display: none !important; }
[part=frame] { position: relative; background: #101214; border-radius: 0.5rem; overflow: hidden; aspect-ratio: 16 / 9; }
[part=video] { display: block; inline-size: 100%; block-size: 100%; object-fit: contain; }
[part=captions] {
  position: absolute; inset: auto 0 0 0; margin: 0; padding: 0.375rem 0.75rem;
  color: #fff; background: rgb(0 0 0 / 72%);
}
[part=controls] { display: flex; flex-wrap: wrap; gap: 0.5rem; margin-block: 0.5rem; }
:host(:not([controls])) [part=controls], :host(:not([stats])) [part=stats] { display: none; }
[part=button] {
  font: inherit; color: inherit; padding: 0.375rem 0.875rem; min-block-size: 2.25rem; cursor: pointer;
  background: light-dark(#eef0f2, #2a2e33); border: 1px solid light-dark(#8a9299, #6d757d); border-radius: 0.375rem;
}
[part=button]:hover { background: light-dark(#e0e4e8, #363b41); }
[part=button]:focus-visible { outline: 2px solid light-dark(#0b57d0, #8ab4f8); outline-offset: 2px; }
[part=stats] { margin: 0; font-variant-numeric: tabular-nums; color: light-dark(#4a5157, #b6bcc2); min-block-size: 2.8em; }
`;
