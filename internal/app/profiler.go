package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

// profiler serves Go's profiles on an address of its own, when it was asked for: never on the API's.
type profiler struct{ server *http.Server }

func newProfiler() *profiler {
	return &profiler{&http.Server{Handler: profiles(), ReadHeaderTimeout: 5 * time.Second}}
}

// profiles answers what is below /debug/pprof/. The command line is not there: it may hold secrets.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", http.NotFound)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

func (p *profiler) serve(listener net.Listener) error {
	if err := p.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve profiles: %w", err)
	}
	return nil
}

// stop ends at once: a profile that is being taken is nobody's data.
func (p *profiler) stop(context.Context) error { return p.server.Close() }
