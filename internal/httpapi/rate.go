package httpapi

import (
	"math"
	"net/netip"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// rateMemory is of how many addresses, or accounts, the rate is remembered: some 2 MB at most. Whoever comes from more
// addresses than that at once is not held up by a limit of single ones.
const rateMemory = 8192

// rates limits how often each of many may do something; nil limits nobody.
type rates struct {
	limit rate.Limit
	burst int
	each  *lru.Cache[string, *rate.Limiter]
}

// newRates allows perSecond for each, and twice as many at once; 0 is no limit.
func newRates(perSecond int) *rates {
	if perSecond <= 0 {
		return nil
	}
	each, err := lru.New[string, *rate.Limiter](rateMemory)
	if err != nil {
		panic("memory of rates: " + err.Error()) // only a size that is not positive is an error
	}
	return &rates{limit: rate.Limit(perSecond), burst: 2 * perSecond, each: each}
}

// take takes one, or says after how long there will be one.
func (r *rates) take(who string, now time.Time) (wait time.Duration, ok bool) {
	if r == nil {
		return 0, true
	}
	limiter, known := r.each.Get(who)
	if !known {
		limiter = rate.NewLimiter(r.limit, r.burst)
		if other, exists, _ := r.each.PeekOrAdd(who, limiter); exists {
			limiter = other
		}
	}
	if limiter.AllowN(now, 1) {
		return 0, true
	}
	missing := 1 - limiter.TokensAt(now)
	return time.Duration(math.Ceil(missing / float64(r.limit) * float64(time.Second))), false
}

// spend takes one of a share, or says why not.
func (s *Server) spend(r *rates, who string) error {
	wait, ok := r.take(who, s.cfg.Now())
	if ok {
		return nil
	}
	seconds := max(1, int(math.Ceil(wait.Seconds())))
	return &problem{kind: kindRateExceeded, retryAfter: seconds, detail: "More requests came than this server is configured to " +
		"take from one sender. Nothing was kept of this one. Send it again in " + strconv.Itoa(seconds) + " s, or raise the limit."}
}

// limitAddress is before everything but health.
func (s *Server) limitAddress(c *fiber.Ctx) error {
	if s.perAddress == nil {
		return c.Next()
	}
	if err := s.spend(s.perAddress, rateKey(s.clientOf(c))); err != nil {
		return err
	}
	return c.Next()
}

// limitAccount is behind what finds out whose key a request of the trigger API carries.
func (s *Server) limitAccount(c *fiber.Ctx) error {
	if err := s.spend(s.perAccount, orDefault(keyed(c), DefaultAccount)); err != nil {
		return err
	}
	return c.Next()
}

// rateKey is under which an address is counted: one customer of an IPv6 network has a /64 at least.
func rateKey(address netip.Addr) string {
	if address.Is6() {
		if network, err := address.Prefix(64); err == nil {
			return network.String()
		}
	}
	return address.String()
}
