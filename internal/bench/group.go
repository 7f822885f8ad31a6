package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// failedCell stands where a figure should.
const failedCell = "**failed**"

// group is rounds of the same kind.
type group []round

// pick gives the rounds that fit.
func pick[T any](all []T, fits func(T) bool, of func(T) round) group {
	var g group
	for _, one := range all {
		if fits(one) {
			g = append(g, of(one))
		}
	}
	return g
}

// good leaves out what failed.
func (g group) good() group {
	return slices.DeleteFunc(slices.Clone(g), func(r round) bool { return r.Failed != "" })
}

// median is the middle of a figure over the rounds that did not fail.
func (g group) median(figure func(round) float64) float64 {
	figures := make([]float64, 0, len(g))
	for _, r := range g.good() {
		figures = append(figures, figure(r))
	}
	return median(figures)
}

// ratio is the middle of the ratios to another group, round by round: what was measured side by side is compared.
func (g group) ratio(to group, figure func(round) float64) float64 {
	var ratios []float64
	for _, r := range g.good() {
		for _, other := range to.good() {
			if r.Round == other.Round && figure(other) != 0 {
				ratios = append(ratios, figure(r)/figure(other))
			}
		}
	}
	return median(ratios)
}

// note says how many of the rounds failed, if any did.
func (g group) note() string {
	failed := len(g) - len(g.good())
	switch {
	case failed == 0:
		return ""
	case failed == len(g):
		return failedCell
	default:
		return fmt.Sprintf(" (%d of %d failed)", failed, len(g))
	}
}

// show writes a figure of a group, or that it failed.
func (g group) show(text string) string {
	switch note := g.note(); {
	case len(g) == 0:
		return "–"
	case len(g.good()) == 0:
		return note
	default:
		return text + note
	}
}

func rateOf(r round) float64      { return r.Rate }
func publishedOf(r round) float64 { return r.Published }
func p50Of(r round) float64       { return r.Answer.P50 }
func p99Of(r round) float64       { return r.Answer.P99 }
func drainOf(r round) float64     { return r.DrainMS }
func behindOf(r round) float64    { return r.BehindMS }

// count writes a whole number with its thousands apart.
func count(figure float64) string {
	if math.IsNaN(figure) {
		return "–"
	}
	digits := strconv.FormatInt(int64(math.Round(figure)), 10)
	var b strings.Builder
	for i, digit := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 && digits[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	return b.String()
}

// ms writes milliseconds with three figures or so.
func ms(figure float64) string {
	const ten, hundred = 10, 100
	switch {
	case math.IsNaN(figure):
		return "–"
	case figure < ten:
		return fmt.Sprintf("%.2f", figure)
	case figure < hundred:
		return fmt.Sprintf("%.1f", figure)
	default:
		return count(figure)
	}
}

func percent(ratio float64) string {
	if math.IsNaN(ratio) {
		return "–"
	}
	const whole = 100
	return fmt.Sprintf("%.1f %%", whole*ratio)
}

func times(ratio float64) string {
	if math.IsNaN(ratio) {
		return "–"
	}
	return fmt.Sprintf("%.1f ×", ratio)
}

// distinct gives the values of a figure, in order.
func distinct[T any](all []T, of func(T) int) []int {
	list := make([]int, 0, len(all))
	for _, one := range all {
		list = append(list, of(one))
	}
	slices.Sort(list)
	return slices.Compact(list)
}
