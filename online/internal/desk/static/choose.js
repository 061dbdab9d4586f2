// The list of what can be sent across: all of it at once.
const every = document.getElementById("every"), list = [...document.querySelectorAll("input[name=id]")], chosen = document.getElementById("chosen");

const tell = () => {
  const n = list.filter((c) => c.checked).length;
  every.checked = n > 0 && n === list.length;
  every.indeterminate = n > 0 && n < list.length;
  chosen.disabled = n === 0;
};

if (every) {
  every.hidden = false;
  every.addEventListener("change", () => {
    for (const c of list) c.checked = every.checked;
    tell();
  });
  for (const c of list) c.addEventListener("change", tell);
  tell();
}
