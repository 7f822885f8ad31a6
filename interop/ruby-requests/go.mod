module webhookd-interop/ruby-requests

go 1.26.0
