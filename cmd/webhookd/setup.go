package main

import (
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"webhookd/internal/config"
)

// setup is a command's view of the configuration: the flags it was given, and how to load the whole.
type setup struct {
	environ []string
	file    string
	flags   map[string]*setupFlag // by key
}

// setupFlag is the flag of one key. It only collects: whether a value is good is the configuration's to say, in the
// same words wherever the value comes from.
type setupFlag struct {
	form   string
	values []string
	given  bool
}

// String, Set and Type are what the flag library asks for.
func (f *setupFlag) String() string { return strings.Join(f.values, ",") }

// Set takes a value; a flag may be given several times.
func (f *setupFlag) Set(value string) error {
	if !f.given {
		f.given, f.values = true, nil
	}
	f.values = append(f.values, value)
	return nil
}

// Type is what stands for the value in the help.
func (f *setupFlag) Type() string { return f.form }

// addConfigFlag gives a command --config.
func addConfigFlag(command *cobra.Command, proc process) *setup {
	s := &setup{environ: proc.environ}
	command.Flags().StringVar(&s.file, "config", "", "`file` to read the set-up from (YAML)")
	return s
}

// addSetupFlags gives a command --config and a flag for each of the keys, or for every key there is if none is named.
func addSetupFlags(command *cobra.Command, proc process, keys ...string) *setup {
	s := addConfigFlag(command, proc)
	s.flags = map[string]*setupFlag{}
	command.Flags().SortFlags = false
	for _, described := range config.Flags() {
		if len(keys) > 0 && !slices.Contains(keys, described.Key) {
			continue
		}
		flag := &setupFlag{form: described.Form}
		if described.Default != "" {
			flag.values = []string{described.Default}
		}
		s.flags[described.Key] = flag
		command.Flags().Var(flag, described.Name, described.Help)
	}
	return s
}

// load puts the set-up together. What is wrong with it is a *config.Error.
func (s *setup) load() (config.Config, error) {
	given := map[string][]string{}
	for key, flag := range s.flags {
		if flag.given {
			given[key] = flag.values
		}
	}
	return config.Load(config.Sources{Environ: s.environ, File: s.file, Flags: given})
}

func newLogger(cfg config.Config, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == config.LogJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
