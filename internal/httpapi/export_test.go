package httpapi

// Routes gives every route of the server as method and path.
func Routes(s *Server) [][2]string {
	var routes [][2]string
	for _, route := range s.app.GetRoutes(true) {
		routes = append(routes, [2]string{route.Method, route.Path})
	}
	return routes
}

// Client is client.
var Client = client
