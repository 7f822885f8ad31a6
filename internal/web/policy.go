package web

// Policy is the Content-Security-Policy of every page: everything from this server, nothing inline, no frame around it.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Referrers is the Referrer-Policy of every page. (With no-referrer a browser would send the Origin null with forms, which
// could not be told from another page's.)
const Referrers = "same-origin"
