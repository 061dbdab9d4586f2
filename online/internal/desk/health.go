package desk

import (
	"fmt"
	"sync"
	"time"

	"coldsign/online/internal/account"
	"coldsign/online/internal/doctor"
	"coldsign/online/internal/metrics"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/tips"
	"coldsign/shared/quote"
)

func healthRoutes() []route {
	return []route{
		{pattern: "GET /desk/health", need: account.Viewer, do: healthPage},
		{pattern: "GET /desk/health/numbers", need: account.Viewer, do: numbersPage},
	}
}

// healthView is what the doctor finds, and what the nodes say.
type healthView struct {
	Level    doctor.Level
	Findings []doctor.Finding
	Nodes    []tips.Seen
	Counts   map[pending.State]int64
	Version  string
	At       time.Time
}

func healthPage(r *request) error {
	v := healthView{Version: r.Version, At: r.Now()}
	var failed [2]error
	var both sync.WaitGroup // each may wait for a node
	both.Go(func() { v.Findings, failed[0] = r.Doctor(r.Context()) })
	if r.Nodes != nil {
		both.Go(func() { v.Nodes, failed[1] = r.Nodes(r.Context()) })
	}
	both.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	v.Level = doctor.Worst(v.Findings)
	var err error
	if v.Counts, err = r.Store.Counts(r.Context()); err != nil {
		return err
	}
	return r.page("health", v)
}

// numbersView is what Prometheus would get.
type numbersView struct {
	Readings []numbers
	Scrape   string
	At       time.Time
}

type numbers struct {
	metrics.Reading
	Texts []string // of the values, in words
}

func numbersPage(r *request) error {
	v := numbersView{Scrape: r.Scrape, At: r.Now()}
	if r.Numbers == nil {
		return errMissing()
	}
	list, err := r.Numbers()
	if err != nil {
		return err
	}
	for _, x := range list {
		n := numbers{Reading: x}
		for _, value := range x.Values {
			n.Texts = append(n.Texts, r.number(x.Name, value))
		}
		v.Readings = append(v.Readings, n)
	}
	return r.page("numbers", v)
}

// number writes a value in the unit that its name says.
func (d *Desk) number(name string, v metrics.Value) string {
	switch {
	case v.Count > 0:
		return fmt.Sprintf("%.1f ms, mean of %d", v.Number*1000, v.Count)
	case name == "coldsign_broadcast_round_timestamp_seconds":
		if v.Number == 0 {
			return text("none")
		}
		return ago(d.Now().Sub(time.Unix(int64(v.Number), 0)))
	case name == "coldsign_deadline_seconds":
		return ago(-time.Duration(v.Number) * time.Second)
	case name == "coldsign_oldest_transaction_seconds":
		return age(time.Duration(v.Number) * time.Second)
	case name == "coldsign_node_up", name == "coldsign_database_up":
		if v.Number == 1 {
			return text("numbers.up")
		}
		return text("numbers.down")
	}
	return fmt.Sprintf("%.0f", v.Number)
}

// labelText names a network for people where a label is one.
func (d *Desk) labelText(l metrics.Label) string {
	if l.Name == "network" {
		for _, id := range d.Intake.Networks {
			if string(id) == l.Text {
				return d.networkName(id)
			}
		}
	}
	return quote.Line(l.Text)
}
