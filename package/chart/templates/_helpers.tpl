{{- define "idp.labels" -}}
{{ include "idp.lastingLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- /* The same in every version. A Composition's labels are part of its revision: were they to change with the chart, so would every
       workload's revision, and Crossplane would compose all of them anew, for nothing. */ -}}
{{- define "idp.lastingLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "idp.webhook.name" -}}
{{ printf "%s-webhook" .Release.Name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "idp.webhook.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: webhook
{{- end }}

{{- define "idp.webhook.image" -}}
{{- with .Values.webhook.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default (printf "v%s" $.Chart.AppVersion) .tag }}
{{- end }}
{{- end }}
{{- end }}

{{- /* What the "restricted" Pod Security Standard asks for, and a root that nobody writes to. */ -}}
{{- define "idp.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 2000
runAsGroup: 2000
fsGroup: 2000
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "idp.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "idp.crds.hook" -}}
helm.sh/hook: pre-upgrade
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{- /* The resources of the configuration kinds: what their definitions in crds/ are named after. */ -}}
{{- define "idp.configurationKinds" -}}
{{- range $path, $_ := .Files.Glob "crds/*.yaml" }}
- {{ base $path | trimSuffix ".yaml" }}
{{- end }}
{{- end }}

{{- define "idp.cidrs" -}}
{{- range . }}
- ipBlock: {cidr: {{ . | quote }}}
{{- end }}
{{- end }}

{{- /* Where names are resolved, and what else operators allow. */ -}}
{{- define "idp.egress" -}}
{{- with .Values.networkPolicy.dnsTo }}
- ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
  to: {{- toYaml . | nindent 4 }}
{{- end }}
{{- with .Values.networkPolicy.egress }}
{{ toYaml . }}
{{- end }}
{{- end }}
