/** The report's style sheet. */
export const STYLE = `
:root { color-scheme: light dark; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: light-dark(#222, #ddd); background: light-dark(#fff, #16181c); }
main { max-width: 62rem; margin: 0 auto; padding: 1rem; }
h2 { margin-top: 3rem; border-top: 1px solid light-dark(#ccc, #444); padding-top: 1rem; }
table { border-collapse: collapse; font-size: 0.875rem; }
th, td { padding: 0.3rem 0.75rem 0.3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid light-dark(#ddd, #333); }
.number { display: block; text-align: right; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
.met { color: light-dark(#00734f, #4cc79a); }
.missed { color: light-dark(#b3261e, #ff8a80); font-weight: bold; }
figure { margin: 1rem 0; }
figure svg { max-width: 100%; height: auto; border-radius: 4px; }
summary { cursor: pointer; }
a { color: light-dark(#0b57d0, #a8c7fa); }
`;
