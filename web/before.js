// Before the first paint, so that nobody sees the other theme flash by. Not a module: those wait.
(() => {
  try {
    const theme = localStorage.getItem('hlsgate.theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch {
    // No storage: the browser's own choice.
  }
})();
