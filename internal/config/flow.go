package config

import (
	"errors"
	"fmt"
	"strings"

	"webhookd/internal/dialog"
)

// parseFlow reads name=uuid. A name may hold an equals sign, a UUID does not.
func parseFlow(text string) (name, id string, err error) {
	equals := strings.LastIndexByte(text, '=')
	if equals < 0 {
		return "", "", fmt.Errorf("%q is no flow; write name=uuid", text)
	}
	name = strings.TrimSpace(text[:equals])
	if name == "" {
		return "", "", errors.New("a flow has no name")
	}
	id, ok := dialog.ParseUUID(text[equals+1:])
	if !ok {
		return "", "", fmt.Errorf("flow %s: %q is no UUID", name, text[equals+1:])
	}
	return name, id, nil
}
