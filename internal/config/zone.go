package config

import (
	"fmt"
	"time"
	_ "time/tzdata" // a machine need not have the zones
)

// parseZone finds a time zone by its name. The machine's own has none that says which it is.
func parseZone(text string) (*time.Location, error) {
	zone, err := time.LoadLocation(text)
	if err != nil || text == "" || text == "Local" {
		return nil, fmt.Errorf("%q is no time zone of the IANA database; write one as Europe/Warsaw, or UTC", text)
	}
	return zone, nil
}

func showZone(zone *time.Location) string { return quote(zone.String()) }

// maxThreshold is the longest wait that statistics can be measured by.
const maxThreshold = duration(24 * time.Hour)

// parseThreshold reads whole seconds: what the PBX tells is no finer.
func parseThreshold(text string) (duration, error) {
	parsed, err := parseDelay(text)
	switch {
	case err != nil:
		return 0, err
	case parsed > maxThreshold:
		return 0, fmt.Errorf("%s is more than %s", text, maxThreshold)
	case parsed%duration(time.Second) != 0:
		return 0, fmt.Errorf("%s is no whole number of seconds", text)
	}
	return parsed, nil
}
