package natsbus

import (
	"github.com/nats-io/nats-server/v2/server"
)

// noOrigin is an origin that no page can have (RFC 2606): the server takes an empty list of origins for all of them.
const noOrigin = "https://none.invalid"

// openWebSocket adds a WebSocket to the options of the embedded server. Any page in a browser of this machine could
// connect to it, and an embedded server without users asks nobody who they are. So pages are let in by the origins that are
// configured, which a browser tells truly, and may read and ask, not publish.
func openWebSocket(options *server.Options, config Config, guarded bool) error {
	if config.WebSocketListen == "" {
		return nil
	}
	host, port, err := listenAddress(config.WebSocketListen, guarded)
	if err != nil {
		return err
	}
	origins := config.WebSocketOrigins
	if len(origins) == 0 {
		origins = []string{noOrigin}
	}
	options.Websocket = server.WebsocketOpts{
		Host: host, Port: port, NoTLS: config.TLS == nil, TLSConfig: config.TLS, AllowedOrigins: origins, Compression: true,
	}
	if len(config.Users) == 0 {
		options.Websocket.NoAuthUser = pageUser
	}
	return nil
}
