package httpapi

// routeTriggers says where that part of the trigger API is which clients know, and who may use it.
func (s *Server) routeTriggers() {
	// The paths that Novu's and Teleflow's clients know. An id may hold slashes, encoded or not.
	s.app.Post("/v1/events/trigger", s.guardTriggers, s.postTrigger)
	s.app.Post("/v1/events/trigger/bulk", s.guardTriggers, s.postBulk)
	s.app.Post("/v1/events/trigger/broadcast", s.guardTriggers, s.postBroadcast)
	s.app.Get("/v1/events/trigger/broadcast/:transaction_id", s.guardKeyOrRead, s.getBroadcast)
	s.app.Delete("/v1/events/trigger/+", s.guardTriggers, s.deleteTrigger)

	s.app.Get("/v1/subscribers", s.guardKeyOrRead, s.getSubscribers)
	s.app.Post("/v1/subscribers", s.guardTriggers, s.postSubscriber)
	s.app.Get("/v1/subscribers/:subscriber_id", s.guardKeyOrRead, s.getSubscriber)
	s.app.Put("/v1/subscribers/:subscriber_id", s.guardTriggers, s.putSubscriber)
	s.app.Delete("/v1/subscribers/:subscriber_id", s.guardTriggers, s.deleteSubscriber)

	s.app.Get("/v1/topics", s.guardKeyOrRead, s.getTopics)
	s.app.Post("/v1/topics", s.guardTriggers, s.postTopic)
	s.app.Get("/v1/topics/:topic_key", s.guardKeyOrRead, s.getTopic)
	s.app.Patch("/v1/topics/:topic_key", s.guardTriggers, s.patchTopic)
	s.app.Delete("/v1/topics/:topic_key", s.guardTriggers, s.deleteTopic)
	s.app.Get("/v1/topics/:topic_key/subscribers", s.guardKeyOrRead, s.getMembers)
	s.app.Post("/v1/topics/:topic_key/subscribers", s.guardTriggers, s.postMembers)
	s.app.Post("/v1/topics/:topic_key/subscribers/removal", s.guardTriggers, s.postRemoval)
}

// routeHandlers says where the handlers are, and who may use them.
func (s *Server) routeHandlers() {
	s.app.Get("/v1/handlers", s.guardKeyOrRead, s.getHandlers)
	s.app.Post("/v1/handlers", s.guardAdmin, s.postHandler)
	s.app.Get("/v1/handlers/:name", s.guardKeyOrRead, s.getHandler)
	s.app.Put("/v1/handlers/:name", s.guardAdmin, s.putHandler)
	s.app.Patch("/v1/handlers/:name", s.guardAdmin, s.patchHandler)
	s.app.Delete("/v1/handlers/:name", s.guardAdmin, s.deleteHandler)
	s.app.Post("/v1/handlers/:name/test", s.guardTriggers, s.postTrial)
	s.app.Get("/v1/handlers/:name/triggers", s.guardKeyOrRead, s.getHandlerTriggers)

	s.app.Get("/v1/calls/:call_uuid/triggers", s.guardKeyOrRead, s.getCallTriggers)

	s.routeHandlerPages()
}

// triggerRoutes names the same to people.
func triggerRoutes() []string {
	return []string{
		"POST /v1/events/trigger",
		"POST /v1/events/trigger/bulk",
		"POST /v1/events/trigger/broadcast",
		"GET /v1/events/trigger/broadcast/{transactionId}",
		"DELETE /v1/events/trigger/{transactionId}",
		"GET /v1/subscribers",
		"POST /v1/subscribers",
		"GET /v1/subscribers/{subscriberId}",
		"PUT /v1/subscribers/{subscriberId}",
		"DELETE /v1/subscribers/{subscriberId}",
		"GET /v1/topics",
		"POST /v1/topics",
		"GET /v1/topics/{topicKey}",
		"PATCH /v1/topics/{topicKey}",
		"DELETE /v1/topics/{topicKey}",
		"GET /v1/topics/{topicKey}/subscribers",
		"POST /v1/topics/{topicKey}/subscribers",
		"POST /v1/topics/{topicKey}/subscribers/removal",
		"GET /v1/handlers",
		"POST /v1/handlers",
		"GET /v1/handlers/{name}",
		"PUT /v1/handlers/{name}",
		"PATCH /v1/handlers/{name}",
		"DELETE /v1/handlers/{name}",
		"POST /v1/handlers/{name}/test",
		"GET /v1/handlers/{name}/triggers",
		"GET /v1/calls/{call_uuid}/triggers",
	}
}
