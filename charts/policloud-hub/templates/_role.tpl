{{- define "policloud.role" }}hub{{ end }}
{{- define "policloud.account" }}policloud-hub{{ end }}
{{- define "policloud.probePort" }}8080{{ end }}

{{- define "policloud.guardRules" -}}
# Work that runs elsewhere by this hub's offers
- apiGroups: [policloud.io]
  resources: [sovereignworkloads, workoffers]
  verbs: [list]
{{- end }}

{{- define "policloud.identitySecret" -}}
{{- if eq .Values.identity.tls.mode "secret" }}{{ .Values.identity.tls.secretName }}{{ else }}policloud-hub-identity{{ end }}
{{- end }}

{{- define "policloud.checkHub" -}}
{{- if not .Values.hubId }}
{{- fail "hubId is missing: give this hub a name that it keeps for ever, as --set hubId=policloud-eu" }}
{{- end }}
{{- if not .Values.apiUrl }}
{{- fail "apiUrl is missing: give the URL at which sites reach this cluster's API server, as --set apiUrl=https://api.hub.example.org:6443" }}
{{- end }}
{{- if not .Values.identity.url }}
{{- fail "identity.url is missing: give the URL at which sites reach the identity endpoint, as --set identity.url=https://hub.example.org:8443" }}
{{- end }}
{{- with .Values.identity }}
{{- if and (eq .tls.mode "secret") (not .tls.secretName) }}
{{- fail "identity.tls.mode is secret, and identity.tls.secretName is empty: name a Secret with tls.crt, tls.key and ca.crt, or set mode to generated" }}
{{- end }}
{{- if and (eq .tls.mode "generated") .tls.secretName }}
{{- fail (printf "identity.tls.secretName is %s, and identity.tls.mode is generated: set mode to secret to use it, or leave the name out" .tls.secretName) }}
{{- end }}
{{- if and .service.nodePort (eq .service.type "ClusterIP") }}
{{- fail (printf "identity.service.nodePort is %v, and identity.service.type is ClusterIP, which has none: set type to NodePort or LoadBalancer, or leave nodePort out" .service.nodePort) }}
{{- end }}
{{- if and .service.loadBalancerSourceRanges (ne .service.type "LoadBalancer") }}
{{- fail (printf "identity.service.loadBalancerSourceRanges is given, and identity.service.type is %s: set type to LoadBalancer, or use networkPolicy.identityFrom" .service.type) }}
{{- end }}
{{- end }}
{{- end }}
