package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func newHandlersList(proc process) *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "list",
		Short: "List the handlers of a running webhookd",
		Long: "list asks a running webhookd for its handlers: where each comes from, whether it is on, how often it has fired,\n" +
			"and what went wrong last.\n\n" +
			"Without --url it asks the service that this machine is set up for, with the first of its secrets. With an API\n" +
			"key it shows what that key's account may see.",
		Args: cobra.NoArgs,
	}
	set := addConfigFlag(command, proc)
	service := addServiceFlags(command, "only handlers that concern this `account`")
	service.addKeyFlag(command)
	command.Flags().BoolVar(&asJSON, "json", false, "print the service's answer as it is")
	command.RunE = func(command *cobra.Command, _ []string) error {
		cfg, err := set.load()
		if err != nil {
			return err
		}
		if err := service.fillReader(cfg); err != nil {
			return err
		}
		answer, err := service.ask(command.Context(), "list handlers", http.MethodGet, nil, "v1", "handlers")
		if err != nil {
			return err
		}
		if asJSON {
			_, err = fmt.Fprintf(proc.out, "%s\n", answer)
		} else {
			err = printHandlers(proc.out, answer)
		}
		if err != nil {
			return fmt.Errorf("print handlers: %w", err)
		}
		return nil
	}
	return command
}

// listedHandler is what GET /v1/handlers says of a handler, as far as people are shown it.
type listedHandler struct {
	Name       string     `json:"name"`
	Account    string     `json:"account"`
	Source     string     `json:"source"`
	Enabled    bool       `json:"enabled"`
	Fired      int64      `json:"fired"`
	FiredAt    *time.Time `json:"fired_at"`
	Failures   int        `json:"failures"`
	LastError  string     `json:"last_error"`
	Definition struct {
		On []string `json:"on"`
	} `json:"definition"`
}

func printHandlers(out io.Writer, answer []byte) error {
	var read struct {
		Handlers []listedHandler `json:"handlers"`
	}
	if err := json.Unmarshal(answer, &read); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	var aligned bytes.Buffer
	table := tabwriter.NewWriter(&aligned, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "name\ton\taccount\tsource\tstate\tfired\tlast\terror") // into memory
	for _, handler := range read.Handlers {
		_, _ = fmt.Fprintln(table, handler.row())
	}
	_ = table.Flush()
	for line := range strings.Lines(aligned.String()) {
		if _, err := fmt.Fprintln(out, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

func (h listedHandler) row() string {
	account, state, last := h.Account, "off", "-"
	if account == "" {
		account = "*"
	}
	switch {
	case h.Enabled && h.Failures > 0:
		state = "failing, " + strconv.Itoa(h.Failures) + " in a row"
	case h.Enabled:
		state = "on"
	}
	if h.FiredAt != nil {
		last = h.FiredAt.UTC().Format(time.RFC3339)
	}
	return strings.Join([]string{
		h.Name, strings.Join(h.Definition.On, ","), account, h.Source, state, strconv.FormatInt(h.Fired, 10), last,
		oneLine(h.LastError),
	}, "\t")
}
