package simulate

import (
	"fmt"
	"net/http"
)

func errJoin(kind, why error) error { return fmt.Errorf("%w: %w", kind, why) }

func errStatus(status int) error { return fmt.Errorf("%d %s", status, http.StatusText(status)) }
