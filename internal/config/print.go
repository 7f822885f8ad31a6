package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// YAML gives the set-up as a configuration file, secrets redacted, with the origin of each value behind it.
func (c Config) YAML() string {
	var text strings.Builder
	for _, opt := range table {
		origin := c.origins[opt.key]
		if origin == "" {
			origin = originDefault
		}
		value := opt.show(c)
		if value == "" {
			value = `""`
		}
		fmt.Fprintf(&text, "%s: %s # %s\n", opt.key, value, origin)
	}
	return text.String()
}

func showCloseCauses(c Config) string {
	rows := make([]string, 0, len(c.CloseCauses))
	for _, name := range slices.Sorted(maps.Keys(c.CloseCauses)) {
		cause := c.CloseCauses[name]
		rows = append(rows, fmt.Sprintf("%s: {class: %s, vote: %s}", quoteInside(name), cause.Class, cause.Vote))
	}
	return "{" + strings.Join(rows, ", ") + "}"
}
