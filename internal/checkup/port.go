package checkup

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"webhookd/internal/config"
	"webhookd/internal/doctor"
)

const (
	natsListen          = "nats_listen"
	natsWebSocketListen = "nats_websocket_listen"
	askTimeout          = 5 * time.Second
	mostAnswer          = 64 << 10
	spoolLock           = "lock" // in the directory of a spool; docs/design.md has its files
)

// ports looks at every address that the service listens on.
func ports(ctx context.Context, cfg config.Config, paths Paths) []doctor.Port {
	var found []doctor.Port
	for _, listened := range cfg.Listeners() {
		if listened.Address == "" || anyPort(listened.Address) {
			continue
		}
		found = append(found, port(ctx, listened.Key, listened.Address, paths))
	}
	return found
}

// anyPort says whether an address leaves the port open.
func anyPort(address string) bool {
	_, port, err := net.SplitHostPort(address)
	return err == nil && port == "0"
}

func port(ctx context.Context, name, address string, paths Paths) doctor.Port {
	found := doctor.Port{Name: name, Address: address}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		_ = listener.Close()
	case errors.Is(err, syscall.EADDRINUSE):
		found.Taken = true
		found.By, found.Ours = who(ctx, name, near(address))
		if found.Ours {
			found.By, found.Ours = whose(found.By, paths)
		}
	default:
		found.Problem = cause(err)
	}
	return found
}

// whose says whether a webhookd that answers is that of this set-up: a service has its spool directory locked as long as
// it runs.
func whose(by string, paths Paths) (told string, ours bool) {
	held, err := locked(filepath.Join(paths.Spool, spoolLock))
	switch {
	case err != nil:
		return by + " (whether it is the one of this set-up, could not be seen: " + cause(err) + ")", true
	case !held:
		return "a webhookd of another set-up (nobody uses " + paths.Spool + ")", false
	}
	return by, true
}

// cause is the last of the errors of the network, without the address that is told beside it.
func cause(err error) string {
	if system := syscall.Errno(0); errors.As(err, &system) {
		return system.Error()
	}
	if name := (*net.DNSError)(nil); errors.As(err, &name) {
		return name.Error()
	}
	return err.Error()
}

// near is where an address that is listened on can be reached from here.
func near(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, port)
}

// who finds out who listens on an address.
func who(ctx context.Context, name, address string) (by string, ours bool) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	switch name {
	case natsListen:
		return natsServer(ctx, address)
	case natsWebSocketListen: // it says nothing by itself
		return "", false
	case "pprof_listen":
		isProfiler := func(body []byte) bool { return strings.Contains(string(body), "/debug/pprof/") }
		if answers(ctx, "http://"+address+"/debug/pprof/", isProfiler) {
			return "a running webhookd, as it seems", true
		}
		return "", false
	}
	for _, scheme := range []string{"http", "https"} {
		if answers(ctx, scheme+"://"+address+"/readyz", isReadiness) {
			return "a running webhookd", true
		}
	}
	return "", false
}

// isReadiness says whether an answer is what GET /readyz of webhookd gives, whatever it says.
func isReadiness(body []byte) bool {
	var answer struct {
		Dependencies map[string]string `json:"dependencies"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return false
	}
	for _, name := range []string{"database", "spool", "nats"} {
		if answer.Dependencies[name] == "" {
			return false
		}
	}
	return true
}

func answers(ctx context.Context, url string, as func([]byte) bool) bool {
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // who it is, is the question; nothing is told
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer))
	return err == nil && as(body)
}

// natsServer reads what a NATS server says first.
func natsServer(ctx context.Context, address string) (by string, ours bool) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return "", false
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	line, _ := bufio.NewReader(io.LimitReader(conn, mostAnswer)).ReadString('\n')
	told, ok := strings.CutPrefix(line, "INFO ")
	if !ok {
		return "", false
	}
	var info struct {
		Name    string `json:"server_name"`
		Version string `json:"version"`
	}
	if json.Unmarshal([]byte(told), &info) != nil {
		return "", false
	}
	if info.Name == "webhookd" {
		return "a running webhookd (nats-server " + info.Version + ")", true
	}
	return "another NATS server (" + info.Name + ", " + info.Version + ")", false
}
