// The code comes in the address's fragment (from the QR code on the slip), which is never sent anywhere: it is put into
// its field and taken from the address at once.
(function () {
  "use strict";
  var field = document.querySelector("[data-code]");
  var code = decodeURIComponent(location.hash.slice(1));
  if (field && /^[0-9A-Za-z-]{12,20}$/.test(code)) {
    field.value = code;
    history.replaceState(null, "", location.pathname);
    var next = document.getElementById("date_of_birth");
    if (next) { next.focus(); }
  }
})();
