package simulate

import "time"

// Faults are what happens to webhooks between the PBX and the service, each with its probability.
type Faults struct {
	// Loss is that of a try not to arrive at all.
	Loss float64
	// Duplicates is that of the answer to a webhook getting lost on the way back, so that the PBX sends it again. It
	// concerns events with retries only.
	Duplicates float64
	// Reorder is that of a webhook to be overtaken by the next one of its call.
	Reorder float64
}

// Retry is how the PBX tries again.
type Retry struct {
	// First is the wait before the second try; each further one is twice as long. It counts in call time: at ten times
	// the speed it is a tenth. 0 is the PBX's ten seconds.
	First time.Duration
	// Tries is how often a webhook is sent at most; 0 is the PBX's three.
	Tries int
	// Create lets dialog_create be tried again too. The PBX's documented set-up does not.
	Create bool
}

const (
	pbxFirst = 10 * time.Second
	pbxTries = 3
	// overtaken is how much later a webhook arrives that is overtaken, at most, in call time.
	overtaken = 2 * time.Second
)

// again says how long after try number n the next one follows; ok is false if there is none.
func (r *Retry) again(event string, n int) (wait time.Duration, ok bool) {
	if n >= r.Tries || event == "dialog_create" && !r.Create {
		return 0, false
	}
	const most = 10 // doublings
	return r.First << min(n-1, most), true
}

// fate is what is to become of one try of a webhook. It is the same in every run of a seed.
type fate struct{ lost, unheard, late bool }

func (f *Faults) fate(seed uint64, call, webhook, try int) fate {
	if f.Loss <= 0 && f.Duplicates <= 0 && f.Reorder <= 0 {
		return fate{}
	}
	var d dice
	const tries, webhooks = 128, 256 // of one call; more of them meet the same fates again
	d.seed(mix(seed, 0xfa7e), (call*webhooks+webhook%webhooks)*tries+try%tries)
	return fate{lost: d.chance(f.Loss), unheard: d.chance(f.Duplicates), late: try == 1 && d.chance(f.Reorder)}
}
