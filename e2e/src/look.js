// Everything on the page that carries a data-testid, as it is now.
return JSON.stringify({
  elements: [...document.querySelectorAll("[data-testid]")].map((element) => ({
    test_id: element.dataset.testid,
    text: (element.matches("input, textarea, select") ? element.value : element.textContent).trim().slice(0, 2000),
    data: { ...element.dataset },
    is_disabled: element.disabled === true,
    classes: [...element.classList],
  })),
  is_secure_context: isSecureContext,
  recorder: globalThis.__recorder ?? null,
});
