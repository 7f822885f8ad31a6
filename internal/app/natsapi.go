package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"webhookd/internal/natsapi"
	"webhookd/internal/natsbus"
	"webhookd/internal/statsapi"
)

// answerOnNATS answers requests on NATS until ctx is done.
func (a *App) answerOnNATS(ctx context.Context) error {
	api := natsapi.New(natsapi.Config{Reader: a.store, Stats: a.figures, Room: a.bus.Room, Version: a.version})
	return a.bus.Serve(ctx, api.Service())
}

// figures answers calls.stats as GET /v1/stats answers: the same parameters, the same figures, the same words for what
// cannot be asked.
func (a *App) figures(ctx context.Context, account string, query url.Values) (json.RawMessage, error) {
	given := map[string]string{}
	for name := range query {
		if !slices.Contains(statsapi.Parameters, name) {
			return nil, refusal(name, "There is no such parameter.", statsapi.Parameters)
		}
		given[name] = query.Get(name)
	}
	request, err := statsapi.Read(account, given, statistics(a.cfg), a.now())
	if fault, ok := errors.AsType[*statsapi.ParameterError](err); ok {
		return nil, refusal(fault.Parameter, fault.Detail, fault.Allowed)
	}
	if err != nil {
		return nil, fmt.Errorf("read question: %w", err)
	}
	report, err := statsapi.Ask(ctx, a.store, request)
	if err != nil {
		return nil, fmt.Errorf("ask for statistics: %w", err)
	}
	return json.Marshal(report)
}

// refusal says which parameter cannot be used, and why.
func refusal(parameter, detail string, allowed []string) error {
	text := parameter + ": " + detail
	if len(allowed) > 0 {
		text += " It may be: " + strings.Join(allowed, ", ") + "."
	}
	return &natsbus.ServiceError{
		Code: http.StatusBadRequest, Description: text, Cause: fmt.Errorf("parameter %s cannot be used", parameter),
	}
}
