package web

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// series is one kind of bar, with its class.
type series struct{ Name, Class string }

// chart is a picture of stacked bars, one for each group, laid out here and drawn as SVG by a template: it needs no
// script, and prints.
type chart struct {
	Title  string
	Series []series
	Width  int
	Height int
	Bars   []chartBar
	Lines  []chartLine
	Marks  []chartMark

	names  []string
	shorts []string
	values [][]float64 // by group, of each series
	top    float64     // of the scale; 0 is as high as the values
	each   bool        // every bar needs its name: they are no times
}

// chartBar is one rectangle.
type chartBar struct {
	X, Y, W, H string
	Class      string
	Title      string // what it stands for, in words
}

// chartLine is one of the scale's.
type chartLine struct{ Y, Text string }

// chartMark is a name below the bars.
type chartMark struct{ X, Y, Text string }

// Measures of a chart, in units of its picture.
const (
	chartWidth  = 1200
	chartHeight = 260
	chartLeft   = 56
	chartTop    = 12
	chartRight  = 12
	chartBottom = 34
	widestBar   = 56
	letterRoom  = 8  // for a letter of a name below the bars
	longestMark = 16 // letters of one
	markHeight  = 18 // of a row of names
	markRows    = 3  // at most
)

func chartOf(title string, kinds []series) *chart {
	return &chart{Title: title, Series: kinds, Width: chartWidth, Height: chartHeight}
}

// add takes a group in, by its name and by a shorter one for below the bars, with the value of each series.
func (c *chart) add(name, short string, values ...float64) {
	c.names, c.shorts = append(c.names, name), append(c.shorts, shortened(short))
	c.values = append(c.values, values)
}

// most gives the height of the highest bar.
func (c *chart) most() float64 {
	most := 0.0
	for _, values := range c.values {
		sum := 0.0
		for _, value := range values {
			sum += value
		}
		most = max(most, sum)
	}
	return most
}

// lay makes the bars, the scale and the names.
func (c *chart) lay() {
	step := niceStep(max(c.most(), c.top))
	top := c.top
	if top == 0 {
		top = step * math.Ceil(c.most()/step)
	}
	high := float64(chartHeight - chartTop - chartBottom)
	y := func(value float64) float64 { return chartTop + high*(1-value/top) }
	for value := 0.0; value <= top+step/1000; value += step {
		c.Lines = append(c.Lines, chartLine{written(y(value)), strconv.FormatFloat(value, 'f', -1, 64)})
	}
	slot := float64(chartWidth-chartLeft-chartRight) / float64(len(c.names))
	wide := min(slot*0.8, widestBar)
	room := 0
	for _, short := range c.shorts {
		room = max(room, letterRoom*(utf8.RuneCountInString(short)+1))
	}
	every, rows := int(math.Ceil(float64(room)/slot)), 1
	if c.each {
		rows = min(every, markRows)
		every = (every + rows - 1) / rows
	}
	c.Height += markHeight * (rows - 1)
	for i, name := range c.names {
		middle := chartLeft + slot*(float64(i)+0.5)
		at := 0.0
		for j, value := range c.values[i] {
			if value <= 0 {
				continue
			}
			c.Bars = append(c.Bars, chartBar{
				X: written(middle - wide/2), W: written(wide), Y: written(y(at + value)), H: written(y(at) - y(at+value)),
				Class: c.Series[j].Class, Title: name + ": " + c.Series[j].Name + " " + written(value),
			})
			at += value
		}
		if i%every == 0 {
			half := float64(letterRoom*utf8.RuneCountInString(c.shorts[i])) / 2
			below := float64(chartHeight - chartBottom + 20 + markHeight*(i/every%rows))
			c.Marks = append(c.Marks, chartMark{written(min(middle, chartWidth-half)), written(below), c.shorts[i]})
		}
	}
}

// niceStep gives a step of a scale: 1, 2 or 5 times a power of ten, and at most eight of them to the top.
func niceStep(top float64) float64 {
	if top <= 4 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(top/4)))
	for _, factor := range []float64{1, 2, 5} {
		if top/(factor*power) <= 8 {
			return factor * power
		}
	}
	return 10 * power
}

func written(n float64) string { return strconv.FormatFloat(math.Round(n*10)/10, 'f', -1, 64) }

func shortened(name string) string {
	if utf8.RuneCountInString(name) <= longestMark {
		return name
	}
	return string([]rune(name)[:longestMark-1]) + "…"
}
