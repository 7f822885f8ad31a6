package web

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Two groups in a picture of 1200 by 260: 56 are left of the bars and 12 right of them, so each has 566; a bar is at most
// 56 wide. The scale goes from 226 (0) up to 12 (the top): 214 high.
func TestChartsAreLaidOut(t *testing.T) {
	t.Parallel()
	c := chartOf("Calls", []series{{"answered", "a"}, {"abandoned", "b"}})
	c.add("one", "one", 6, 2)
	c.add("a name that is too long", "a name that is too long", 0, 4)
	require.InDelta(t, 8, c.most(), 0)
	c.lay()
	require.Equal(t, []chartLine{ // steps of 1: eight of them to the top
		{"226", "0"}, {"199.3", "1"}, {"172.5", "2"}, {"145.8", "3"}, {"119", "4"}, {"92.3", "5"}, {"65.5", "6"}, {"38.8", "7"}, {"12", "8"},
	}, c.Lines)
	require.Equal(t, []chartBar{
		{X: "311", W: "56", Y: "65.5", H: "160.5", Class: "a", Title: "one: answered 6"},
		{X: "311", W: "56", Y: "12", H: "53.5", Class: "b", Title: "one: abandoned 2"},
		{X: "877", W: "56", Y: "119", H: "107", Class: "b", Title: "a name that is too long: abandoned 4"},
	}, c.Bars)
	require.Equal(t, []chartMark{{"339", "246", "one"}, {"905", "246", "a name that is …"}}, c.Marks)
}

func TestNamesBelowBarsDoNotTouch(t *testing.T) {
	t.Parallel()
	c := chartOf("Calls", []series{{"answered", "a"}})
	for range 96 { // each has 11.8 of room, a name of 16 letters takes 17 times 8: every twelfth
		c.add("2026-01-01 00:00", "2026-01-01 00:00", 1)
	}
	c.lay()
	require.Len(t, c.Bars, 96)
	require.Len(t, c.Marks, 8)
}

// Time goes on between two marks; a project's bar without its name says nothing. 13 bars have 87 of room each, and a name of
// 16 letters takes 136: they go into two rows. The last one would stick out on the right by 136/2 - (12 + 87/2) = 12.
func TestEveryBarHasItsNameWhereItIsNoTime(t *testing.T) {
	t.Parallel()
	c := chartOf("Calls", []series{{"answered", "a"}})
	c.each = true
	for range 13 {
		c.add("Kampania Wiosna 12", "Kampania Wiosna 12", 1)
	}
	c.lay()
	require.Len(t, c.Marks, 13)
	require.Equal(t, chartMark{"99.5", "246", "Kampania Wiosna…"}, c.Marks[0])
	require.Equal(t, chartMark{"186.6", "264", "Kampania Wiosna…"}, c.Marks[1])
	require.Equal(t, chartMark{"1136", "246", "Kampania Wiosna…"}, c.Marks[12])
	require.Equal(t, 260+18, c.Height)
	many := chartOf("Calls", []series{{"answered", "a"}})
	many.each = true
	for range 96 {
		many.add("Kampania Wiosna 12", "Kampania Wiosna 12", 1)
	}
	many.lay()
	require.Len(t, many.Marks, 24, "there is no room for more than three rows: every fourth")
	require.Equal(t, 260+2*18, many.Height)
}

func TestScalesHaveRoundSteps(t *testing.T) {
	t.Parallel()
	for top, want := range map[float64]float64{1: 1, 4: 1, 8: 1, 9: 2, 17: 5, 39: 5, 40: 10, 100: 20, 170: 50, 12_345: 2000} {
		require.InDelta(t, want, niceStep(top), 1e-9, "%v", top)
	}
}
