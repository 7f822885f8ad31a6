package config

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// parseCollector reads the base URL of a collector. What is wrong with one is not quoted: people put tokens into URLs.
func parseCollector(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	parsed, err := url.Parse(text)
	switch {
	case err != nil || !strings.HasPrefix(text, "http://") && !strings.HasPrefix(text, "https://") || parsed.Hostname() == "":
		return "", errors.New("it is no URL of a collector; write one as http://127.0.0.1:4318 or https://collector.example.com")
	case parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "":
		return "", errors.New("the URL of a collector has no user, query or fragment; a token goes into OTEL_EXPORTER_OTLP_HEADERS")
	case strings.HasSuffix(strings.TrimSuffix(parsed.Path, "/"), "/v1/traces"):
		return "", errors.New("give the URL without /v1/traces, which is added to it")
	}
	return strings.TrimSuffix(text, "/"), nil
}

func parseShare(text string) (float64, error) {
	share, err := strconv.ParseFloat(text, 64)
	if err != nil || !(share >= 0 && share <= 1) { // which also is not so of NaN
		return 0, fmt.Errorf("%q is no number from 0 to 1", text)
	}
	return share, nil
}

func showShare(share float64) string { return strconv.FormatFloat(share, 'f', -1, 64) }
