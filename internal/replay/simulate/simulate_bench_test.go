package simulate_test

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"webhookd/internal/replay"
	"webhookd/internal/replay/simulate"
)

// BenchmarkSimulator says how many requests a second the sender can make, a trivial server beside it on the same
// machine.
func BenchmarkSimulator(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	server := &fasthttp.Server{Handler: func(c *fasthttp.RequestCtx) {
		c.SetContentType("application/json")
		c.SetBodyString(`{"status":"accepted"}`)
	}}
	go func() { _ = server.Serve(ln) }()
	b.Cleanup(func() { _ = server.Shutdown() })
	mix, err := simulate.ParseMix(simulate.DefaultMix)
	require.NoError(b, err)
	b.ResetTimer()
	s, err := simulate.New(b.Context(), simulate.Options{
		Generator: simulate.NewGenerator(simulate.Plan{Seed: 1, Run: 1, Mix: mix}), URLs: []string{"http://" + ln.Addr().String()},
		Calls: b.N, Connections: 64, Speed: replay.Max, Timeout: 10 * time.Second,
	})
	require.NoError(b, err)
	result, err := s.Run(b.Context())
	require.NoError(b, err)
	b.ReportMetric(result.Throughput, "webhooks/s")
	b.ReportMetric(float64(result.Happened)/float64(b.N), "webhooks/call")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkBodies says what making up calls costs, without sending.
func BenchmarkBodies(b *testing.B) {
	mix, err := simulate.ParseMix(simulate.DefaultMix)
	require.NoError(b, err)
	g := simulate.NewGenerator(simulate.Plan{Seed: 1, Run: 1, Mix: mix})
	var call simulate.Call
	var buf []byte
	bytes, webhooks := 0, 0
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		g.Call(&call, i)
		for w := range call.Len() {
			buf = call.AppendBody(buf[:0], w)
			bytes += len(buf)
			webhooks++
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(webhooks), "ns/webhook")
	b.ReportMetric(float64(bytes)/float64(webhooks), "B/webhook")
}
