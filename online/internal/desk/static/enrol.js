// An enrolment link carries its code behind the #, which no server and no log sees.
const field = document.querySelector("input[name=code]:not([type=hidden])");
const code = decodeURIComponent(location.hash.slice(1));
if (field && code) {
  history.replaceState(null, "", location.pathname);
  field.value = code;
  field.form.requestSubmit();
}
