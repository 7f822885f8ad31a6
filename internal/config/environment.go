package config

import (
	"regexp"
	"slices"
	"strings"
)

const (
	envPrefix = "WEBHOOKD_"
	envFile   = envPrefix + "CONFIG"
	// Variables with this prefix belong to the project's tests and mean nothing to the service.
	envTest = envPrefix + "TEST_"
)

// A Kubernetes service that is called webhookd puts these into every pod beside it.
var serviceLink = regexp.MustCompile(`^WEBHOOKD_(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

type environment struct {
	values map[string][]string // by key
	file   string
}

func readEnvironment(environ []string) (environment, error) {
	env := environment{values: map[string][]string{}}
	for _, variable := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, envPrefix) || strings.HasPrefix(name, envTest) || isServiceLink(name, value) {
			continue
		}
		if name == envFile {
			env.file = value
			continue
		}
		key := strings.ToLower(strings.TrimPrefix(name, envPrefix))
		opt, ok := find(key)
		switch {
		case !ok || name != opt.env():
			hint := nearest(strings.ToUpper(name), envPrefix, envNames())
			return env, errorf("", "the environment", "%s is no variable of webhookd%s", name, hint)
		case opt.fileOnly:
			return env, errorf(key, name, "can be set in the file only")
		case opt.list:
			env.values[key] = splitList(value)
		default:
			env.values[key] = []string{value}
		}
	}
	return env, nil
}

func isServiceLink(name, value string) bool {
	return serviceLink.MatchString(name) || name == "WEBHOOKD_PORT" && strings.Contains(value, "://")
}

// splitList takes a value apart at commas and line breaks. An empty value is one empty element, so that a variable
// that is set and empty is complained about and does not quietly take the secrets away.
func splitList(value string) []string {
	var list []string
	for element := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' }) {
		if element = strings.TrimSpace(element); element != "" {
			list = append(list, element)
		}
	}
	if len(list) == 0 {
		return []string{""}
	}
	return list
}

func envNames() []string {
	names := []string{envFile}
	for _, opt := range table {
		if !opt.fileOnly {
			names = append(names, opt.env())
		}
	}
	return names
}
