{{- define "policloud.role" }}site{{ end }}
{{- define "policloud.account" }}policloud-site-operator{{ end }}
{{- define "policloud.probePort" }}8081{{ end }}

{{- define "policloud.guardRules" -}}
# Work, and objects that only the running process can let go of
- apiGroups: [policloud.io]
  resources: [sovereignworkloads, policloudunits, energysources]
  verbs: [list]
# What federated work and the units' labels leave over
- apiGroups: [""]
  resources: [namespaces, nodes]
  verbs: [list]
{{- end }}

{{- define "policloud.joins" -}}
{{- $j := .Values.join }}
{{- if or $j.existingSecret $j.code $j.membership $j.hub.id $j.hub.api $j.hub.identity $j.hub.ca }}yes{{ end }}
{{- end }}

{{- define "policloud.joinSecret" -}}
{{ .Values.join.existingSecret | default "policloud-join" }}
{{- end }}

{{- define "policloud.joinFile" -}}
hub: {{- toYaml .Values.join.hub | nindent 2 }}
membership: {{ .Values.join.membership | quote }}
code: {{ .Values.join.code | quote }}
{{- end }}

{{- /* Ports of the URLs that the site is told to reach, as JSON */ -}}
{{- define "policloud.farPorts" -}}
{{- $ports := .Values.networkPolicy.hubPorts }}
{{- range list .Values.join.hub.api .Values.join.hub.identity .Values.hubProxy }}
{{- if . }}
{{- $url := urlParse . }}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" }}
{{- $ports = append $ports ($port | default (ternary "443" "80" (eq $url.scheme "https")) | int) }}
{{- end }}
{{- end }}
{{- $ports | toJson }}
{{- end }}

{{- define "policloud.checkSite" -}}
{{- $j := .Values.join }}
{{- if include "policloud.joins" . }}
{{- $given := dict "join.hub.id" $j.hub.id "join.hub.api" $j.hub.api "join.hub.identity" $j.hub.identity "join.hub.ca" $j.hub.ca "join.membership" $j.membership "join.code" $j.code }}
{{- $missing := list }}
{{- $there := list }}
{{- range $name := keys $given | sortAlpha }}
{{- if get $given $name }}{{ $there = append $there $name }}{{ else }}{{ $missing = append $missing $name }}{{ end }}
{{- end }}
{{- if $j.existingSecret }}
{{- if $there }}
{{- fail (printf "join.existingSecret is %s, and %s is given too: leave one of them out, the Secret holds the whole join file" $j.existingSecret (join ", " $there)) }}
{{- end }}
{{- else if $missing }}
{{- fail (printf "join is incomplete, without %s: give the whole file that `policloud hub invite NAME --format values` prints on the hub, with -f" (join ", " $missing)) }}
{{- end }}
{{- end }}
{{- if and .Values.node.enabled (not .Values.governor.enabled) }}
{{- fail "node.enabled is true, and governor.enabled is false: the node agent does what the governor tells it; set governor.enabled=true" }}
{{- end }}
{{- if and .Values.node.enabled .Values.node.createNamespace (eq .Values.node.namespace .Release.Namespace) }}
{{- fail (printf "node.namespace is %s, the release's own, which the chart cannot make: name another, or label it pod-security.kubernetes.io/enforce=privileged yourself and set node.createNamespace=false" .Values.node.namespace) }}
{{- end }}
{{- end }}
