package natsbus

import (
	"crypto/rand"
	"strings"

	"github.com/nats-io/nats-server/v2/server"

	"webhookd/internal/flow"
)

// noOrigin is an origin that no page can have (RFC 2606): the server takes an empty list of origins for all of them.
const noOrigin = "https://none.invalid"

// Users of the embedded server where it has a WebSocket: nobody logs in as either.
const (
	programUser = "program" // whoever connects over TCP, as without a WebSocket
	pageUser    = "page"    // whoever connects over the WebSocket
)

// openWebSocket adds a WebSocket to the options of the embedded server. Any page in a browser of this machine could
// connect to it, and the embedded server asks nobody who they are. So pages are let in by the origins that are
// configured, which a browser tells truly, and may read and ask, not publish.
func openWebSocket(options *server.Options, listen string, origins []string) error {
	if listen == "" {
		return nil
	}
	host, port, err := listenAddress(listen)
	if err != nil {
		return err
	}
	if len(origins) == 0 {
		origins = []string{noOrigin}
	}
	options.Websocket = server.WebsocketOpts{
		Host: host, Port: port, NoTLS: true, AllowedOrigins: origins, NoAuthUser: pageUser, Compression: true,
	}
	options.NoAuthUser = programUser
	options.Users = []*server.User{
		{Username: programUser, Password: rand.Text()},
		{Username: pageUser, Password: rand.Text(), Permissions: pagePermissions()},
	}
	return nil
}

// pagePermissions let a page read the events and the live calls in every way that clients have, and ask.
func pagePermissions() *server.Permissions {
	publish := []string{"webhookd.calls.>", "$SRV.>", "$JS.API.INFO", "$JS.FC.>", "$JS.ACK.>"}
	for _, stream := range []string{flow.StreamName, bucketStream} {
		for _, request := range []string{
			"STREAM.INFO.%", "CONSUMER.CREATE.%", "CONSUMER.CREATE.%.>", "CONSUMER.INFO.%.>", "CONSUMER.MSG.NEXT.%.>",
			"CONSUMER.DELETE.%.>", "DIRECT.GET.%", "DIRECT.GET.%.>", "STREAM.MSG.GET.%",
		} {
			publish = append(publish, "$JS.API."+strings.Replace(request, "%", stream, 1))
		}
	}
	return &server.Permissions{
		Publish: &server.SubjectPermission{Allow: publish},
		Subscribe: &server.SubjectPermission{Allow: []string{
			"_INBOX.>", flow.StreamSubjects, "$KV." + flow.BucketName + ".>",
		}},
	}
}
