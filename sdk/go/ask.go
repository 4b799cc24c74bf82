package tokenry

import (
	"encoding/json"
	"errors"
)

var errNoCode = errors.New("a verdict is missing")

// Ask is what a credential has to fulfil; the zero value asks only whether it is valid.
type Ask struct {
	// Scopes are what the credential must hold: Scopes("read:projects"), AnyOf(…), AllOf(…).
	Scopes ScopeRule
	// IP is the address of the client. Keys with allowed addresses are refused without one.
	IP string
	// Cost is how much the request takes from the limits of the key; 1 by default, Set[int64](0) takes nothing.
	Cost Optional[int64]
	// Tenant refuses credentials of any other tenant.
	Tenant string
	// Environment refuses credentials of any other environment.
	Environment string
	// Audience refuses tokens that were made for another audience.
	Audience string
}

// Question is a credential and what is asked of it.
type Question struct {
	Credential string
	Ask        Ask
}

// MarshalJSON writes the question as the API reads it.
func (q Question) MarshalJSON() ([]byte, error) {
	fields := map[string]any{"credential": q.Credential}
	if !q.Ask.Scopes.isEmpty() {
		fields["scopes"] = q.Ask.Scopes
	}
	if cost, given := q.Ask.Cost.Get(); given {
		fields["cost"] = cost
	}
	for name, text := range map[string]string{
		"ip": q.Ask.IP, "tenant": q.Ask.Tenant, "environment": q.Ask.Environment, "audience": q.Ask.Audience,
	} {
		if text != "" {
			fields[name] = text
		}
	}
	return json.Marshal(fields)
}

// ScopeRule says which scopes are needed. The zero value needs none.
type ScopeRule struct {
	names []string
	kind  string
	rules []ScopeRule
}

// Scopes needs all of the named scopes.
func Scopes(names ...string) ScopeRule {
	return ScopeRule{names: names}
}

// AllOf needs every rule to be met.
func AllOf(rules ...ScopeRule) ScopeRule {
	return ScopeRule{kind: "all", rules: rules}
}

// AnyOf needs one rule to be met: AnyOf(Scopes("read:a"), Scopes("read:b", "read:c")).
func AnyOf(rules ...ScopeRule) ScopeRule {
	return ScopeRule{kind: "any", rules: rules}
}

// Names returns the names of a rule that needs all of them; none for a rule with AllOf or AnyOf.
func (r ScopeRule) Names() []string {
	return r.names
}

// MarshalJSON writes the rule as the API reads it.
func (r ScopeRule) MarshalJSON() ([]byte, error) {
	if r.kind != "" {
		return json.Marshal(map[string][]ScopeRule{r.kind: r.rules})
	}
	return json.Marshal(r.names)
}

func (r ScopeRule) isEmpty() bool {
	return r.kind == "" && len(r.names) == 0
}
