package config

// ReadToken lets somebody read calls and look at the pages.
type ReadToken struct {
	Account string // whose calls it shows; "": every account's
	Token   Secret
}

// String gives the account; the token is hidden.
func (t ReadToken) String() string {
	if t.Account == "" {
		return t.Token.String()
	}
	return t.Account + ":" + t.Token.String()
}

// parseReadToken reads TOKEN or ACCOUNT:TOKEN.
func parseReadToken(text string) (ReadToken, error) {
	account, token, err := parseOfAccount(text, "token")
	return ReadToken{Account: account, Token: token}, err
}
