package web

import "io"

// LoginPage is the form that a token is exchanged on.
type LoginPage struct {
	Next    string // where to go afterwards
	Refused bool   // what was sent was no token
	None    bool   // there is no token to log in with
}

// Login writes the page to log in on.
func Login(w io.Writer, shell Shell, page LoginPage) error {
	return render(w, shell, "login", shell.T("login.title"), page)
}

// Again writes a page that opens an address of this server once more. A browser that comes from another site sends no
// SameSite=Strict cookie; coming from this page it does, so that a shared link needs no second log-in.
func Again(w io.Writer, shell Shell) error {
	return render(w, shell, "again", shell.T("login.again.title"), nil)
}
