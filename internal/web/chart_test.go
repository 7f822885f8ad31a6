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

func TestScalesHaveRoundSteps(t *testing.T) {
	t.Parallel()
	for top, want := range map[float64]float64{1: 1, 4: 1, 8: 1, 9: 2, 17: 5, 39: 5, 40: 10, 100: 20, 170: 50, 12_345: 2000} {
		require.InDelta(t, want, niceStep(top), 1e-9, "%v", top)
	}
}
