package httpapi

import (
	"context"
	"fmt"
	"io"
	"net/url"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/store"
	"webhookd/internal/trigger"
	"webhookd/internal/web"
)

// newHandlerPath is no handler's: names begin with a letter or a digit.
const newHandlerPath = "/handlers/_new"

// routeHandlerPages says where the pages of handlers are.
func (s *Server) routeHandlerPages() {
	s.app.Get("/handlers", s.guardPage, s.getHandlersPage)
	s.app.Get(newHandlerPath, s.guardPage, s.getNewHandlerPage)
	s.app.Get("/handlers/:name", s.guardPage, s.getHandlerPage)
	s.app.Get("/handlers/:name/edit", s.guardPage, s.getEditHandlerPage)
}

// closedTo says why who looks may not change handlers. It is what guardKey asks of a page's script.
func (s *Server) closedTo(c *fiber.Ctx) web.Closed {
	switch {
	case readerOf(c).scopes.has(ScopeAdmin):
		return web.Open
	case !s.keys.none:
		return web.ClosedKey
	case s.cfg.GuardReads || !s.tokens.none:
		return web.ClosedNone
	case !ownMachine(c):
		return web.ClosedHost
	}
	return web.Open
}

// handlerPage gives a handler as a page shows it to who sent the request.
func (s *Server) handlerPage(c *fiber.Ctx, handler *store.Handler) (web.Handler, error) {
	definition, err := redacted(handler.Definition)
	if err != nil {
		return web.Handler{}, fmt.Errorf("show handler %s: %w", handler.Name, err)
	}
	// With a key, those of all accounts are seen and not changed.
	own := keyed(c) == "" || handler.Account == keyed(c)
	open := s.closedTo(c) == web.Open
	shown := web.Handler{
		Name: handler.Name, Account: handler.Account, Source: handler.Source, Enabled: handler.Enabled,
		UpdatedAt: handler.UpdatedAt, Definition: definition,
		MaySwitch: open && own, MayDelete: open && own && handler.Source != store.HandlerFromFile,
	}
	if shown.Counted = readerOf(c).knowsOf(handler); shown.Counted {
		shown.Fired, shown.FiredAt = handler.Fired, handler.FiredAt
		shown.Failures, shown.LastError = handler.Failures, handler.LastError
	}
	return shown, nil
}

// getHandlersPage shows all handlers that concern who looks.
func (s *Server) getHandlersPage(c *fiber.Ctx) error {
	q, err := readQuery(c, "account")
	if err != nil {
		return err
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	handlers, err := s.handlersFor(ctx, c, q)
	if err != nil {
		return err
	}
	page := web.HandlersPage{Closed: s.closedTo(c)}
	for i := range handlers {
		shown, err := s.handlerPage(c, &handlers[i])
		if err != nil {
			return err
		}
		page.Handlers = append(page.Handlers, shown)
	}
	return s.answerPage(c, fiber.StatusOK, func(w io.Writer, shell web.Shell) error { return web.Handlers(w, shell, page) })
}

// handlersFor gives the handlers that concern the account that a request is about, or all where it is about none.
func (s *Server) handlersFor(ctx context.Context, c *fiber.Ctx, q query) ([]store.Handler, error) {
	account, err := accountOf(c, q)
	if err != nil {
		return nil, err
	}
	_, named := q["account"]
	every := !named && keyed(c) == ""
	handlers, _, err := s.cfg.TriggerReader.AllHandlers(ctx)
	if err != nil {
		return nil, fmt.Errorf("list handlers: %w", err)
	}
	concerned := handlers[:0:0]
	for i := range handlers {
		if (every || handlers[i].Account == "" || handlers[i].Account == account) && readerOf(c).sees(handlers[i].Account) {
			concerned = append(concerned, handlers[i])
		}
	}
	return concerned, nil
}

// handlerAsked gives the handler that a page is asked for, and the query.
func (s *Server) handlerAsked(c *fiber.Ctx) (shown web.Handler, q query, err error) {
	if q, err = readQuery(c, "account"); err != nil {
		return shown, nil, err
	}
	if _, err := accountOf(c, q); err != nil {
		return shown, nil, err
	}
	handler, err := s.findHandler(c)
	if err != nil {
		return shown, nil, err
	}
	shown, err = s.handlerPage(c, &handler)
	return shown, q, err
}

// getHandlerPage shows one handler and what it has triggered.
func (s *Server) getHandlerPage(c *fiber.Ctx) error {
	shown, _, err := s.handlerAsked(c)
	if err != nil {
		return err
	}
	page := web.HandlerPage{Closed: s.closedTo(c), Handler: shown}
	triggers, err := s.triggersOfHandler(c, shown.Name, defaultPage)
	if err != nil {
		return err
	}
	for i := range triggers {
		one := &triggers[i]
		page.Triggers = append(page.Triggers, web.Trigger{
			Account: one.Account, State: string(one.State), Reason: one.Reason, CallUUID: one.CallUUID, EventType: one.EventType,
			CreatedAt: one.CreatedAt, FireAt: one.FireAt, EndedAt: one.EndedAt,
		})
	}
	return s.answerPage(c, fiber.StatusOK, func(w io.Writer, shell web.Shell) error { return web.OneHandler(w, shell, page) })
}

// getNewHandlerPage shows where a handler is made.
func (s *Server) getNewHandlerPage(c *fiber.Ctx) error {
	q, err := readQuery(c, "account")
	if err != nil {
		return err
	}
	if _, err := accountOf(c, q); err != nil {
		return err
	}
	page := web.NewHandlerPage{Closed: s.closedTo(c), EventTypes: trigger.EventTypes(), Actions: trigger.ActionTypes()}
	return s.answerPage(c, fiber.StatusOK, func(w io.Writer, shell web.Shell) error { return web.NewHandler(w, shell, page) })
}

// getEditHandlerPage shows where a handler is changed: as where one is made, with what it is now. Whoever may not change
// this one is led to its page, which says why.
func (s *Server) getEditHandlerPage(c *fiber.Ctx) error {
	shown, q, err := s.handlerAsked(c)
	if err != nil {
		return err
	}
	if !shown.MayEdit() {
		to := "/handlers/" + shown.Name
		if account, named := q["account"]; named {
			to += "?" + url.Values{"account": {account}}.Encode()
		}
		return c.Redirect(to, fiber.StatusSeeOther)
	}
	page := web.NewHandlerPage{
		Closed: s.closedTo(c), EventTypes: trigger.EventTypes(), Actions: trigger.ActionTypes(), Edited: &shown,
	}
	return s.answerPage(c, fiber.StatusOK, func(w io.Writer, shell web.Shell) error { return web.NewHandler(w, shell, page) })
}
