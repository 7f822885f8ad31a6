package config

import (
	"fmt"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

func parseRegion(text string) (string, error) {
	region := strings.ToUpper(text)
	if !phonenumbers.GetSupportedRegions()[region] {
		return "", fmt.Errorf("%q is no region with a numbering plan; write two letters, as PL", text)
	}
	return region, nil
}
