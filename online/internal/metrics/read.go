package metrics

import (
	"cmp"
	"slices"
	"strings"
)

// Reading is one metric, for people.
type Reading struct {
	Name, Help string
	Values     []Value
}

// Value is one of its values.
type Value struct {
	Labels []Label
	Number float64 // of a histogram the mean
	Count  uint64  // observations of a histogram; 0 of all else
}

// Label says what a value is of.
type Label struct{ Name, Text string }

// Read gives what a scrape would: this program's own numbers, not those of its runtime.
func (m *Metrics) Read() ([]Reading, error) {
	families, err := m.registry.Gather()
	if err != nil {
		return nil, err
	}
	var list []Reading
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "coldsign_") {
			continue
		}
		r := Reading{Name: f.GetName(), Help: f.GetHelp()}
		for _, x := range f.GetMetric() {
			var v Value
			for _, l := range x.GetLabel() {
				v.Labels = append(v.Labels, Label{l.GetName(), l.GetValue()})
			}
			switch h := x.GetHistogram(); {
			case h.GetSampleCount() > 0:
				v.Count, v.Number = h.GetSampleCount(), h.GetSampleSum()/float64(h.GetSampleCount())
			case h != nil:
				continue // nothing was observed
			case x.GetCounter() != nil:
				v.Number = x.GetCounter().GetValue()
			default:
				v.Number = x.GetGauge().GetValue()
			}
			r.Values = append(r.Values, v)
		}
		slices.SortStableFunc(r.Values, func(a, b Value) int { return cmp.Compare(b.Count, a.Count) }) // what is asked for most, first
		list = append(list, r)
	}
	return list, nil
}
