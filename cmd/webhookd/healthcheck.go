package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newHealthcheck(proc process) *cobra.Command {
	var (
		url     string
		live    bool
		timeout time.Duration
	)
	command := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask a running webhookd whether it takes webhooks",
		Long: "healthcheck asks /readyz of a running webhookd, prints what it says on one line, and ends with 0 if webhooks are\n" +
			"taken and with 1 if they are not, or if nothing answers. That something is missing without which webhooks are taken\n" +
			"all the same is printed, and is 0. It is for container engines, in images that have no other program.\n\n" +
			"Without --url it asks the service that this machine is set up for.",
		Args: cobra.NoArgs,
	}
	set := addConfigFlag(command, proc)
	command.Flags().StringVar(&url, "url", "", "`URL` of the service (default: where it is set up to listen)")
	command.Flags().BoolVar(&live, "live", false, "ask /healthz instead: does the process answer at all?")
	command.Flags().DurationVar(&timeout, "timeout", 4*time.Second, "`duration` that the answer may take")
	command.RunE = func(command *cobra.Command, _ []string) error {
		cfg, err := set.load()
		if err != nil {
			return err
		}
		service := &serviceFlags{url: url}
		if err := service.fill(cfg); err != nil {
			return err
		}
		path := "readyz"
		if live {
			path = "healthz"
		}
		ctx, cancel := context.WithTimeout(command.Context(), timeout)
		defer cancel()
		health, err := askHealth(ctx, service, path)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(proc.out, health); err != nil {
			return fmt.Errorf("print health: %w", err)
		}
		return nil
	}
	return command
}

// healthAnswer is what /healthz and /readyz answer.
type healthAnswer struct {
	Status       string            `json:"status"`
	Dependencies map[string]string `json:"dependencies"` // "ok", or what it lacks
}

// String gives the status, and behind it what is missing, by name.
func (h healthAnswer) String() string {
	parts := []string{h.Status}
	for _, name := range slices.Sorted(maps.Keys(h.Dependencies)) {
		if lacks := h.Dependencies[name]; lacks != "ok" {
			parts = append(parts, name+": "+lacks)
		}
	}
	return strings.Join(parts, "; ")
}

// askHealth gives what a service says of itself. It is an error if the service says that it does not take webhooks, and
// if it says nothing.
func askHealth(ctx context.Context, service *serviceFlags, path string) (healthAnswer, error) {
	var health healthAnswer
	request, err := service.request(http.MethodGet, nil, []string{path})
	if err != nil {
		return health, err
	}
	response, err := service.client().Do(request.WithContext(ctx))
	if err != nil {
		return health, fmt.Errorf("ask the service: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return health, fmt.Errorf("read answer: %w", err)
	}
	if err := json.Unmarshal(answer, &health); err != nil || health.Status == "" {
		return health, fmt.Errorf("what answers %s with %s is no webhookd", request.URL.Redacted(), response.Status)
	}
	if response.StatusCode != http.StatusOK {
		return health, fmt.Errorf("the service does not take webhooks: %s", health)
	}
	return health, nil
}
