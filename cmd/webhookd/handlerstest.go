package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"regexp"

	"github.com/spf13/cobra"

	"webhookd/internal/config"
	"webhookd/internal/dialog"
)

// handlerName is what a handler is called, so that one can stand in a path.
var handlerName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// trial is the body of POST /v1/handlers/{name}/test.
type trial struct {
	CallUUID  string          `json:"call_uuid,omitempty"`
	EventType string          `json:"event_type,omitempty"`
	Event     json.RawMessage `json:"event,omitempty"`
}

func newHandlersTest(proc process) *cobra.Command {
	var asked trial
	var file string
	command := &cobra.Command{
		Use:   "test NAME (--call UUID | --event FILE)",
		Short: "Say what a handler would do, without doing it",
		Long: "test asks a running webhookd what one of its handlers would do on a call that it keeps, or on the event in a\n" +
			"JSON file (as webhookd tail --json prints it), and prints the answer: whether the handler matches, when it would\n" +
			"fire, and what it would publish and call. Nothing is published and nobody is called.\n\n" +
			"Without --url it asks the service that this machine is set up for, with the first of its API keys that fits.",
		Args: cobra.ExactArgs(1),
	}
	set := addConfigFlag(command, proc)
	service := addServiceFlags(command, "the call's `account`")
	service.addKeyFlag(command)
	command.Flags().StringVar(&asked.CallUUID, "call", "", "`UUID` of a call that the service keeps")
	command.Flags().StringVar(&asked.EventType, "event-type", "", "with --call: `type` of the call's event to try")
	command.Flags().StringVar(&file, "event", "", "`file` of an event as JSON; - is standard input")
	command.RunE = func(command *cobra.Command, args []string) error {
		name := args[0]
		if !handlerName.MatchString(name) {
			return &usageError{fmt.Sprintf("%q is no name of a handler", name)}
		}
		if err := asked.complete(proc, file); err != nil {
			return err
		}
		cfg, err := set.load()
		if err != nil {
			return err
		}
		if err := service.fillKey(cfg, config.ScopeTriggers); err != nil {
			return err
		}
		answer, err := service.ask(command.Context(), "test handler", http.MethodPost, asked, "v1", "handlers", name, "test")
		if err != nil {
			return err
		}
		var shown bytes.Buffer
		if err := json.Indent(&shown, answer, "", "  "); err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		if _, err := fmt.Fprintln(proc.out, shown.String()); err != nil {
			return fmt.Errorf("print answer: %w", err)
		}
		return nil
	}
	return command
}

// complete checks what was given, and reads the event's file.
func (t *trial) complete(proc process, file string) error {
	if (t.CallUUID == "") == (file == "") {
		return &usageError{"test needs either --call or --event"}
	}
	if file == "" {
		id, ok := dialog.ParseUUID(t.CallUUID)
		if !ok {
			return &usageError{fmt.Sprintf("--call: %q is no UUID of a call", t.CallUUID)}
		}
		t.CallUUID = id
		return nil
	}
	if t.EventType != "" {
		return &usageError{"--event-type goes with --call; an event says its type itself"}
	}
	var fields map[string]json.RawMessage
	data, err := readInput(proc, file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &fields); err != nil || fields == nil {
		return &usageError{"--event: " + file + " holds no JSON object"}
	}
	t.Event = data
	return nil
}

// readInput reads a file that the command line names; - is standard input.
func readInput(proc process, file string) ([]byte, error) {
	if file == "-" {
		data, err := io.ReadAll(proc.in)
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		return data, nil
	}
	data, err := os.ReadFile(file)
	if pathError := (*fs.PathError)(nil); errors.As(err, &pathError) {
		return nil, &beginError{fmt.Errorf("cannot read %s: %w", file, pathError.Err)}
	}
	return data, err
}
