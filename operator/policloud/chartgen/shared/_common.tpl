{{- /* Parts of both charts. Each chart's _role.tpl says which process it is for. */ -}}
{{- define "policloud.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: policloud
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* (list . "component"): by these pods are selected; never changed, as a Deployment's selector cannot be */ -}}
{{- define "policloud.selector" -}}
app.kubernetes.io/part-of: policloud
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "policloud.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ printf "%s@%s" .repository .digest }}{{- else -}}{{ printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) }}{{- end -}}
{{- end -}}
{{- end }}

{{- /* Of a pod: Pod Security "restricted" */ -}}
{{- define "policloud.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "policloud.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "policloud.pull" -}}
image: {{ include "policloud.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{- define "policloud.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* (a scheduling section) The site's own taints are tolerated: where every node is a unit's GPU node, as at a site
     of one machine, there is no other place for us */ -}}
{{- define "policloud.scheduling" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
tolerations:
  - {key: policloud.io/gpu, operator: Exists}
  - {key: policloud.io/branch-full, operator: Exists}
  - {key: policloud.io/uncapped, operator: Exists}
  {{- with .tolerations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- /* Names are looked up anywhere, as a node-local cache has an address of its own */ -}}
{{- define "policloud.egressDns" -}}
- ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end }}

{{- /* (list of ports): TCP to any address */ -}}
{{- define "policloud.egressPorts" -}}
- ports:
    {{- range . | uniq }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end }}

{{- /* Who may ask for readiness and metrics: the release's namespace, and whom the values name */ -}}
{{- define "policloud.ingressProbe" -}}
- ports:
    - {protocol: TCP, port: probe}
  from:
    - podSelector: {}
    {{- range .Values.networkPolicy.metricsFrom }}
    - namespaceSelector:
        matchLabels: {{- toYaml .namespaceLabels | nindent 10 }}
    {{- end }}
{{- end }}

{{- /* One container's pod that runs a command of ours and ends: (dict "root" . "command" "verify" "account" ... "args" ...) */ -}}
{{- define "policloud.jobSpec" -}}
{{- $role := include "policloud.role" .root -}}
backoffLimit: 0
activeDeadlineSeconds: 300
template:
  metadata:
    labels:
      {{- include "policloud.labels" .root | nindent 6 }}
      app.kubernetes.io/component: {{ $role }}-{{ .command }}
  spec:
    restartPolicy: Never
    serviceAccountName: {{ .account }}
    enableServiceLinks: false
    {{- include "policloud.podSecurity" .root | nindent 4 }}
    {{- include "policloud.pullSecrets" .root | nindent 4 }}
    {{- include "policloud.scheduling" .root.Values.scheduling | nindent 4 }}
    containers:
      - name: {{ .command }}
        {{- include "policloud.pull" .root | nindent 8 }}
        args: {{- toYaml (concat (list $role "--namespace" .root.Release.Namespace .command) .args) | nindent 10 }}
        {{- include "policloud.containerSecurity" .root | nindent 8 }}
        resources:
          requests: {cpu: 50m, memory: 128Mi}
          limits: {memory: 256Mi}
        volumeMounts:
          - {name: tmp, mountPath: /tmp}
    volumes:
      - name: tmp
        emptyDir: {sizeLimit: 16Mi}
{{- end }}

{{- /* Combinations that the schema cannot refuse */ -}}
{{- define "policloud.check" -}}
{{- if hasPrefix "site-" .Release.Namespace }}
{{- fail (printf "namespace %s: names that begin with site- belong to the sites of a hub; install into another, as policloud-system" .Release.Namespace) }}
{{- end }}
{{- if and .Values.uninstall.guard (not .Values.rbac.create) }}
{{- fail "uninstall.guard needs rights to look for stranded work, and rbac.create is false: set uninstall.guard=false, and run `policloud hub guard` or `policloud site guard` yourself before uninstalling" }}
{{- end }}
{{- range $name := list "serviceMonitor" "prometheusRule" }}
{{- if and (index $.Values.metrics $name).enabled (not ($.Capabilities.APIVersions.Has "monitoring.coreos.com/v1")) }}
{{- fail (printf "metrics.%s.enabled is true, but this cluster does not serve monitoring.coreos.com/v1: install the Prometheus operator first, or set it to false (for helm template: --api-versions monitoring.coreos.com/v1)" $name) }}
{{- end }}
{{- end }}
{{- end }}
