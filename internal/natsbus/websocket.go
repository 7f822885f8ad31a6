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

// pageRequests are the subjects on which a page may ask; % stands for each of the streams.
var pageRequests = []string{
	"webhookd.calls.>", "$SRV.>", "$JS.API.INFO", "$JS.FC.>", "$JS.ACK.>", "$JS.API.STREAM.INFO.%",
	"$JS.API.CONSUMER.CREATE.%", "$JS.API.CONSUMER.CREATE.%.>", "$JS.API.CONSUMER.INFO.%.>",
	"$JS.API.CONSUMER.MSG.NEXT.%.>", "$JS.API.CONSUMER.DELETE.%.>", "$JS.API.DIRECT.GET.%", "$JS.API.DIRECT.GET.%.>",
	"$JS.API.STREAM.MSG.GET.%",
}

// pagePermissions let a page read the events and the live calls in every way that clients have, and ask.
func pagePermissions() *server.Permissions {
	publish := make([]string, 0, len(pageRequests)*2)
	for _, request := range pageRequests {
		if !strings.Contains(request, "%") {
			publish = append(publish, request)
			continue
		}
		for _, stream := range []string{flow.StreamName, bucketStream} {
			publish = append(publish, strings.Replace(request, "%", stream, 1))
		}
	}
	return &server.Permissions{
		Publish: &server.SubjectPermission{Allow: publish},
		Subscribe: &server.SubjectPermission{Allow: []string{
			"_INBOX.>", flow.StreamSubjects, "$KV." + flow.BucketName + ".>",
		}},
	}
}
