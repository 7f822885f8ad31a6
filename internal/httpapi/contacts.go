package httpapi

import (
	"context"
	"errors"
	"fmt"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/erase"
)

// Persons shows what is stored of a person, and takes the person out of it; erase.Service does.
type Persons interface {
	// Export and Erase return erase.ErrNumber, and store.ErrUnavailable.
	Export(ctx context.Context, account, number string) (erase.Export, error)
	Erase(ctx context.Context, account, number string, dryRun bool) (erase.Certificate, error)
}

const contactsRoute = "/v1/contacts/:number"

func (s *Server) routeContacts() {
	if s.cfg.Persons == nil {
		return
	}
	s.app.Get(contactsRoute, s.guardPerson, s.getContact)
	s.app.Delete(contactsRoute, s.guardPerson, s.deleteContact)
}

// contactOf reads whom a request is about.
func contactOf(c *fiber.Ctx, parameters ...string) (q query, account, number string, err error) {
	if q, err = readQuery(c, append(parameters, accountParameter)...); err != nil {
		return nil, "", "", err
	}
	if account, err = accountOf(c, q); err != nil {
		return nil, "", "", err
	}
	number, fits, err := idParam(c, "number")
	if err == nil && !fits {
		err = contactFailed("read number", erase.ErrNumber)
	}
	return q, account, number, err
}

// getContact answers with everything that is stored of a person.
func (s *Server) getContact(c *fiber.Ctx) error {
	_, account, number, err := contactOf(c)
	if err != nil {
		return err
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	export, err := s.cfg.Persons.Export(ctx, account, number)
	if err != nil {
		return contactFailed("export contact", err)
	}
	return answerJSON(c, fiber.StatusOK, fiber.MIMEApplicationJSON, export)
}

// deleteContact takes a person out of everything, and answers with a certificate.
func (s *Server) deleteContact(c *fiber.Ctx) error {
	q, account, number, err := contactOf(c, "dry_run")
	if err != nil {
		return err
	}
	dryRun, err := q.flag("dry_run")
	if err != nil {
		return err
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	certificate, err := s.cfg.Persons.Erase(ctx, account, number, dryRun != nil && *dryRun)
	if err != nil {
		return contactFailed("erase contact", err)
	}
	return answerJSON(c, fiber.StatusOK, fiber.MIMEApplicationJSON, certificate)
}

func contactFailed(doing string, err error) error {
	if errors.Is(err, erase.ErrNumber) {
		return &problem{kind: kindNumberInvalid, detail: "What the path names is no number of three digits or more, so nothing was " +
			"done. Write it with its country code, percent-encoded (+ as %2B)."}
	}
	return fmt.Errorf("%s: %w", doing, err)
}
