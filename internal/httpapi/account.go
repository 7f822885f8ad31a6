package httpapi

import "regexp"

// saneAccount is what an account's name looks like: it is part of NATS subjects and keys as it stands.
var saneAccount = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
