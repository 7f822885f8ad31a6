module webhookd-interop/go

go 1.26.0

require github.com/novuhq/go-novu v0.1.2

require github.com/pkg/errors v0.9.1 // indirect
